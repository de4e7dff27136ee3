module.exports = { displayName: 'cli', ...require('../../jest.preset.cjs'), rootDir: __dirname };
