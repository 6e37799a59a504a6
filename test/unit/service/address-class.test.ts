import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AddressClass } from '../../../src/service/address-class.ts'
import { addressClass } from '../../../src/service/address-class.ts'
import {
  anyIpv4,
  behindLocalNat64,
  disguised,
  forbiddenIpv4,
  mapped,
  metadataIpv4,
  spelled,
} from './address-spellings.ts'

/** Each address with its class; both ends of a range and what lies just outside. */
const CLASSES: Readonly<Record<AddressClass, readonly string[]>> = {
  loopback: [
    '127.0.0.1',
    '127.0.0.0',
    '127.255.255.255',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::1%lo',
    '::ffff:127.0.0.1',
  ],
  private: [
    ...['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255'],
    ...['100.64.0.0', '100.127.255.255', '100.100.100.199', '100.100.100.201'],
    ...['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'FD12:3456::1', 'fd00::1%eth0'],
    ...['fd00:ec1:ffff::1', 'fd00:ec3::', 'fd20:ce::253', 'fd20:ce::255', '::ffff:a00:1'],
  ],
  public: [
    ...[
      '1.1.1.1',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.0',
    ],
    ...['169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.167.255.255', '192.169.0.0'],
    ...['168.63.129.15', '168.63.129.17', '192.0.0.191', '223.255.255.255', '255.255.255.254', '1.0.0.0'],
    ...['2606:4700:4700::1111', 'fbff:ffff::1', 'fe00::1', 'fe7f:ffff::1', 'fec0::1', 'feff::1'],
    ...['::ffff:1.1.1.1', '2001:1::1', '2003::1', '2600::5efe:101:101', '2600::1:5efe:a9fe:a9fe'],
    // Carried on by others: to whom is known, through whom is not.
    ...[
      '64:ff9b::1.1.1.1',
      '64:ff9b::10.0.0.1',
      '2002:a00:1::1',
      '64:ff9b:1::10.0.0.1',
      '64:ff9b:1:fffe::8.8.8.8',
    ],
  ],
  forbidden: [
    ...['169.254.0.0', '169.254.169.254', '169.254.170.2', '169.254.42.42', '169.254.255.255'],
    ...['100.100.100.200', '192.0.0.192', '168.63.129.16'],
    ...['fe80::', 'fe80::a9fe:a9fe', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe80::1%eth0', 'FE80::1%25'],
    ...['fd00:ec2::254', 'fd00:ec2::23', 'FD00:0EC2:0:0:0:0:0:0254', 'fd00:ec2::254%eth0', 'fd20:ce::254'],
    ...['fd00:c1::a9fe:a9fe', 'fd00:42::42', 'fd00:a9fe:a9fe::1', 'fd00:100::100:200'],
    ...['0.0.0.0', '0.255.255.255', '::', '::0', '::%lo', '224.0.0.1', '239.255.255.255', '255.255.255.255'],
    ...['ff00::', 'ff02::1', 'ff02::1%eth0', 'ffff::1'],
    ...[
      '::ffff:a9fe:a9fe',
      '::ffff:169.254.169.254',
      '::ffff:0.0.0.0',
      '::ffff:a9fe:a9fe%eth0',
      '::FFFF:6464:64C8',
    ],
    ...['::a9fe:a9fe', '::2', '::7f00:1', '::10.0.0.1', '::ffff:0:a9fe:a9fe', '::ffff:0:7f00:1'],
    ...[
      '64:ff9b::a9fe:a9fe',
      '64:ff9b::169.254.169.254',
      '64:ff9b::7f00:1',
      '64:ff9b::',
      '64:ff9b::a83f:8110',
    ],
    ...['2002:a9fe:a9fe::', '2002:a9fe:a9fe::1', '2002:7f00:1::1', '2001:0:a9fe:a9fe::1', '2001::5601:5601'],
    ...['2600::5efe:a9fe:a9fe', '2600::200:5efe:a9fe:a9fe', 'fd12::5efe:6464:64c8'],
    ...[
      '64:ff9b:1::a9fe:a9fe',
      '64:ff9b:1:a9fe:a9:fe00::',
      '64:ff9b:1:a9:fe:a9fe::',
      '64:ff9b:1::a9:fea9:fe00:0',
    ],
  ],
}

describe.each(Object.entries(CLASSES))('%s', (expected, addresses) => {
  test.each(addresses)('%s', address => {
    expect(addressClass(address)).toBe(expected)
  })
})

test.each([
  '',
  'localhost',
  '2852039166',
  '127.1',
  '0x7f.0.0.1',
  '[::1]',
  '127.0.0.1%lo',
  ' 10.0.0.1',
  '10.0.0.1\n',
  '%',
  '::g',
])('what is no address is forbidden: %j', text => {
  expect(addressClass(text)).toBe('forbidden')
})

const dotted = (ipv4: readonly number[]) => ipv4.join('.')
const zone = fc.constantFrom('', '%eth0', '%1', '%25eth0')

describe('no spelling lets through', () => {
  test('a forbidden IPv4 address inside IPv6', () => {
    const address = forbiddenIpv4.chain(disguised).chain(spelled)
    fc.assert(
      fc.property(address, zone, (text, suffix) => {
        expect(isIPv6(text)).toBe(true)
        expect(addressClass(text + suffix)).toBe('forbidden')
      }),
      { numRuns: 2000 },
    )
  })

  test('a metadata address behind a NAT64 prefix of the network', () => {
    fc.assert(
      fc.property(metadataIpv4.chain(behindLocalNat64).chain(spelled), zone, (text, suffix) => {
        expect(addressClass(text + suffix)).toBe('forbidden')
      }),
    )
  })

  test('the loopback of who carries it on', () => {
    const carried = fc
      .tuple(fc.constant(127), fc.nat(255), fc.nat(255), fc.nat(255))
      .chain(ipv4 => disguised(ipv4).filter(bytes => bytes.join() !== mapped(ipv4).join()))
    fc.assert(
      fc.property(carried.chain(spelled), text => {
        expect(addressClass(text)).toBe('forbidden')
      }),
    )
  })

  test('a carried address as private, whatever it carries', () => {
    const carried = anyIpv4.chain(ipv4 =>
      disguised(ipv4).filter(bytes => bytes.join() !== mapped(ipv4).join()),
    )
    fc.assert(
      fc.property(carried.chain(spelled), text => {
        expect(['public', 'forbidden']).toContain(addressClass(text))
      }),
    )
  })
})

describe('whatever the spelling', () => {
  test('a mapped address is what its IPv4 address is', () => {
    const pair = anyIpv4.chain(ipv4 => fc.tuple(fc.constant(ipv4), spelled(mapped(ipv4))))
    fc.assert(
      fc.property(pair, ([ipv4, text]) => {
        expect(addressClass(text)).toBe(addressClass(dotted(ipv4)))
      }),
    )
  })

  test('every IPv6 address has one class', () => {
    const bytes = fc.array(fc.nat(255), { minLength: 16, maxLength: 16 })
    const two = bytes.chain(sixteen => fc.tuple(spelled(sixteen), spelled(sixteen)))
    fc.assert(
      fc.property(two, ([one, other]) => {
        expect(addressClass(one)).toBe(addressClass(other))
      }),
    )
  })
})

test('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.string(), text => {
      expect(addressClass(text)).toBeTypeOf('string')
    }),
  )
  const addressLike = fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.%x[]'), maxLength: 40 })
  fc.assert(
    fc.property(addressLike, text => {
      expect(addressClass(text)).toBeTypeOf('string')
    }),
  )
})
