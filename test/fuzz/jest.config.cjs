module.exports = { displayName: 'fuzz', ...require('../../jest.preset.cjs'), rootDir: __dirname };
