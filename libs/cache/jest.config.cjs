module.exports = { displayName: 'cache', ...require('../../jest.preset.cjs'), rootDir: __dirname };
