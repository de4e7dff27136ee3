module.exports = { displayName: 'pipeline', ...require('../../jest.preset.cjs'), rootDir: __dirname };
