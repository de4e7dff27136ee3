module.exports = { displayName: 'process', ...require('../../jest.preset.cjs'), rootDir: __dirname };
