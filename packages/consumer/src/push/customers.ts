/** Which customer of an engine an organization is. */
import { isJsonObject, type Json, parseExactJson } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { checkOrganization } from '../ledger/chain-name.ts';

/** By organization; null: this one is not pushed. */
export type Customers = ReadonlyMap<string, string | null>;

const MAX_CUSTOMER = 255;

/**
 * Reads the text of a file: a JSON object whose names are organizations, and whose values are the engine's ids of them,
 * or null for an organization that is not pushed.
 *
 * @throws ConsumerError BAD_ARGUMENT naming `name`, the organization and the rule
 */
export function parseCustomers(name: string, text: string): Customers {
  let json: Json;
  try {
    // An organization that is given twice is an error: one of its customers would be dropped.
    json = parseExactJson(text).value;
  } catch (cause) {
    throw bad(`${name} cannot be used: ${(cause as Error).message}`);
  }
  if (!isJsonObject(json)) throw bad(`${name}: expected an object of organizations and customers`);
  return checkCustomers(name, json);
}

/** @throws ConsumerError BAD_ARGUMENT naming `name`, the organization and the rule */
export function checkCustomers(name: string, customers: Readonly<Record<string, unknown>>): Customers {
  const checked = new Map<string, string | null>();
  const taken = new Map<string, string>();
  for (const [orgid, customer] of Object.entries(customers)) {
    checkOrganization(name, orgid);
    checked.set(orgid, customer === null ? null : checkCustomer(name, orgid, customer));
    if (typeof customer !== 'string') continue;
    const other = taken.get(customer);
    if (other !== undefined)
      throw bad(`${name}: ${other} and ${orgid} are both ${customer}: expected a customer for each organization`);
    taken.set(customer, orgid);
  }
  return checked;
}

function checkCustomer(name: string, orgid: string, customer: unknown): string {
  const isText =
    typeof customer === 'string' && customer.length > 0 && customer.length <= MAX_CUSTOMER && customer.isWellFormed();
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (isText && !/[\u0000-\u0020\u007f]/.test(customer)) return customer;
  throw bad(
    `${name}: ${orgid} is ${JSON.stringify(customer)}: expected the engine's id of it, 1 to ${MAX_CUSTOMER} characters without blanks, or null: not pushed`,
  );
}

/**
 * The customer of an organization that used something.
 *
 * @param customers null: each organization is the customer of its own name
 * @returns null: not pushed
 * @throws ConsumerError BAD_ARGUMENT when the organization is not among them: a customer is never left out silently
 */
export function customerOf(customers: Customers | null, orgid: string): string | null {
  if (customers === null) return orgid;
  const customer = customers.get(orgid);
  if (customer !== undefined) return customer;
  throw bad(`customers: ${orgid} has usage and is not listed: add its customer, or null if it is not pushed`);
}

function bad(message: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', message);
}
