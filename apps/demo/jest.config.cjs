module.exports = { displayName: 'demo', ...require('../../jest.preset.cjs'), rootDir: __dirname };
