import { UsageError } from './command-line.js';

/**
 * Runs a benchmark as a program: code 0 when every answer was right, 1 when one was wrong, 2 for arguments, 3 when it could
 * not go on. Figures decide nothing: they depend on the machine.
 */
export const runMain = async (work: () => Promise<boolean>): Promise<void> => {
  try {
    process.exitCode = (await work()) ? 0 : 1;
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : error);
    process.exitCode = error instanceof UsageError ? 2 : 3;
  }
};
