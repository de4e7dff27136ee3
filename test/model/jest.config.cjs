module.exports = { displayName: 'model', ...require('../../jest.preset.cjs'), rootDir: __dirname };
