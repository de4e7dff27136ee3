module.exports = { displayName: 'kafka', ...require('../../jest.preset.cjs'), rootDir: __dirname };
