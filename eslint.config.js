import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  // The user of the generated client is compiled with it, by the test that generates it.
  { ignores: ['dist', '.data', 'coverage', 'test/openapi/client-user'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // An un-awaited activity or query is the bug this linter is here for.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // Handlers share one async signature, whether or not each of them waits for something.
      '@typescript-eslint/require-await': 'off',
      // Numbers in messages are what a reader wants to see.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-properties': [
        'error',
        {
          object: 'URL',
          property: 'canParse',
          message: 'Use parseUrl of domain/parse-url.ts, which says why.',
        },
      ],
    },
  },
  {
    // A workflow must be deterministic: no Node built-ins, no clock or randomness from outside the SDK.
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['node:*', 'fs', 'crypto', 'http', 'pg', 'kysely'] }],
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setInterval: 'readonly',
        module: 'writable',
      },
    },
  },
);
