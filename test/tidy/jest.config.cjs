module.exports = { displayName: 'tidy', ...require('../../jest.preset.cjs'), rootDir: __dirname };
