import { weir as runWeir } from '../unit/cli/command-line.ts'
import { type Cluster, clusterOf, parseBootstrap } from './bootstrap.ts'

/** The cluster for Weir as `weir envoy` prints it in full duplex with these options. */
export async function printedCluster(...options: readonly string[]): Promise<Cluster> {
  const { out } = await runWeir(['envoy', '--mode', 'full-duplex', ...options])
  return clusterOf(parseBootstrap(out), 'weir')
}
