/**
 * Milliseconds of this thread's own computing that `run` takes. Against work without end, where the clock on the wall
 * would also tell of whatever else the machine does.
 */
export function cpuMsOf(run: () => void): number {
  const before = process.threadCpuUsage()
  run()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1000
}
