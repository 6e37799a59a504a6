import { processIo } from './cli/process-io.ts'
import { runCommand } from './cli/run.ts'

// Only the code, no exit(): what is still on its way to stdout gets there.
process.exitCode = await runCommand(process.argv.slice(2), processIo())
