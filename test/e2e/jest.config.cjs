module.exports = { displayName: 'e2e', ...require('../../jest.preset.cjs'), rootDir: __dirname };
