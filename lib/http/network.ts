import { isIPv6 } from 'node:net';

const GROUPS = 8;
/** Whoever has one IPv6 address has the 2^64 beside it. */
const NETWORK_GROUPS = 4;
const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The groups of a part of an address; one in the form of IPv4 stands for two. */
const groupsOf = (part: string): readonly string[] =>
  part === '' ? [] : part.split(':').flatMap((group) => (group.includes('.') ? [group, group] : [group]));

/**
 * What requests of one sender have in common: the address, or for IPv6 its network of 64 bits.
 *
 * @param address - of the socket, never of a header: anybody can send one.
 */
export const networkOf = (address: string | undefined): string => {
  if (address === undefined) return 'unknown';
  const ipv4 = IPV4_IN_IPV6.exec(address)?.[1];
  if (ipv4 !== undefined) return ipv4;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const [first, last] = [groupsOf(head), groupsOf(tail ?? '')];
  const zeros = Array.from({ length: tail === undefined ? 0 : GROUPS - first.length - last.length }, () => '0');
  const network = [...first, ...zeros, ...last].slice(0, NETWORK_GROUPS);
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
};
