module.exports = { displayName: 'control', ...require('../../jest.preset.cjs'), rootDir: __dirname };
