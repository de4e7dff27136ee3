module.exports = { displayName: 'example-service', ...require('../../jest.preset.cjs'), rootDir: __dirname };
