module.exports = { displayName: 'nest', ...require('../../jest.preset.cjs'), rootDir: __dirname };
