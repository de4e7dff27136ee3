module.exports = { displayName: 'consumers', ...require('../../jest.preset.cjs'), rootDir: __dirname };
