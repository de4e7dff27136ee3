import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import * as jsonc from 'jsonc-eslint-parser';
import tseslint from 'typescript-eslint';

/** The layers of docs/architecture.md: who may import whom. */
const layers = [
  { sourceTag: 'layer:base', onlyDependOnLibsWithTags: [] },
  {
    sourceTag: 'layer:core',
    onlyDependOnLibsWithTags: ['layer:base'],
    bannedExternalImports: ['kafkajs', '@aws-sdk/*', '@smithy/*', '@nestjs/*'],
  },
  {
    sourceTag: 'layer:adapter',
    onlyDependOnLibsWithTags: ['layer:core', 'layer:base'],
    bannedExternalImports: ['@nestjs/*'],
  },
  { sourceTag: 'layer:module', onlyDependOnLibsWithTags: ['layer:adapter', 'layer:core', 'layer:base'] },
  {
    sourceTag: 'scope:nest',
    onlyDependOnLibsWithTags: ['layer:core', 'layer:base'],
    bannedExternalImports: ['kafkajs', '@aws-sdk/*', '@smithy/*'],
  },
  {
    sourceTag: 'layer:app',
    onlyDependOnLibsWithTags: ['layer:app', 'layer:module', 'layer:adapter', 'layer:core', 'layer:base'],
  },
  { sourceTag: 'layer:dev', onlyDependOnLibsWithTags: ['*'] },
];

const sources = ['**/*.ts'];
const tests = ['**/*.spec.ts', 'test/**/*.ts'];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/coverage/**', '**/node_modules/**', '**/test-results/**', '.nx/**', '**/*.cjs'] },
  { files: ['**/*.ts', '**/*.mjs'], ...js.configs.recommended },
  { files: sources, extends: tseslint.configs.recommendedTypeChecked },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
        Buffer: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        AbortController: 'readonly',
        AbortSignal: 'readonly',
        performance: 'readonly',
      },
    },
    rules: { 'max-lines': ['error', 400] },
  },
  {
    files: sources,
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx },
    rules: {
      complexity: ['error', 12],
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', 70],
      eqeqeq: ['error', 'always'],
      'no-restricted-globals': ['error', { name: 'event', message: 'name the event' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@nx/enforce-module-boundaries': [
        'error',
        { enforceBuildableLibDependency: true, allow: [], depConstraints: layers },
      ],
    },
  },
  {
    files: tests,
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [] }],
    },
  },
  {
    files: ['libs/*/package.json'],
    languageOptions: { parser: jsonc },
    plugins: { '@nx': nx },
    rules: {
      '@nx/dependency-checks': [
        'error',
        {
          buildTargets: ['build'],
          includeTransitiveDependencies: false,
          ignoredDependencies: ['tslib', 'rxjs', 'reflect-metadata', '@nestjs/core'],
          ignoredFiles: ['{projectRoot}/**/*.spec.ts', '{projectRoot}/jest.config.cjs', '{projectRoot}/test/**/*'],
        },
      ],
    },
  },
  prettier,
);
