module.exports = { displayName: 'chaos', ...require('../../jest.preset.cjs'), rootDir: __dirname };
