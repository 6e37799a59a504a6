import { startBench } from './bench.js'
import { startDecisions } from './decisions.js'
import { startStatus } from './status.js'

const bench = startBench()
const decisions = startDecisions()
startStatus(status => {
  bench.show(status)
  decisions.offerPolicies(status.snapshot.policies)
})
