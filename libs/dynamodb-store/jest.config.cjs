module.exports = { displayName: 'dynamodb-store', ...require('../../jest.preset.cjs'), rootDir: __dirname };
