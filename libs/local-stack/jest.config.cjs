module.exports = { displayName: 'local-stack', ...require('../../jest.preset.cjs'), rootDir: __dirname };
