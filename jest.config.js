const shared = {
  testEnvironment: 'node',
  roots: ['<rootDir>/build/__tests__'],
  transform: {},
};

// Only what talks to a host or a database waits for one.
export default {
  maxWorkers: 2,
  testTimeout: 60_000,
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['**/unit/**/*.test.js'] },
    {
      ...shared,
      displayName: 'system',
      testMatch: ['**/*.test.js'],
      testPathIgnorePatterns: ['/node_modules/', '/unit/'],
      globalSetup: '<rootDir>/build/__tests__/support/global-setup.js',
      globalTeardown: '<rootDir>/build/__tests__/support/global-teardown.js',
    },
  ],
};
