module.exports = { displayName: 'sync', ...require('../../jest.preset.cjs'), rootDir: __dirname };
