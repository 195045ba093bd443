import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** A key that encrypts secrets, and its name, which is stored with each secret. */
export interface SecretKey {
  id: string;
  key: Buffer;
}

/** An encrypted secret as it is stored. */
export interface SealedSecret {
  keyId: string;
  /** Base64 of the nonce (12 bytes), the ciphertext and the tag (16 bytes). */
  sealed: string;
}

/** The job and the field that a secret belongs to. Decryption fails for any other. */
interface SecretOwner {
  jobId: string;
  field: string;
}

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Parses `id:base64,id:base64`. The messages of faults never show a key. */
export function parseSecretKeys(text: string): { keys: SecretKey[]; faults: string[] } {
  const keys: SecretKey[] = [];
  const faults: string[] = [];
  if (text === '') return { keys, faults };
  for (const [index, entry] of text.split(',').entries()) {
    const [, id, encoded] = /^\s*([A-Za-z0-9_.-]{1,32}):([A-Za-z0-9+/_-]+={0,2})\s*$/.exec(entry) ?? [];
    const key = Buffer.from(encoded ?? '', 'base64');
    if (id === undefined || key.length !== KEY_BYTES)
      faults.push(
        `key ${index + 1} must be a name, a colon and ${KEY_BYTES} random bytes in base64 (openssl rand -base64 ${KEY_BYTES})`,
      );
    else if (keys.some((known) => known.id === id)) faults.push(`two keys are named ${JSON.stringify(id)}`);
    else keys.push({ id, key });
  }
  return { keys, faults };
}

/** Encrypts and decrypts secrets. */
export interface SecretBox {
  /** The key that encrypts; undefined if there are no keys. */
  currentKeyId: string | undefined;
  /** The names of all keys. */
  keyIds: string[];
  /** @throws Error if there is no key */
  seal: (owner: SecretOwner, text: string) => SealedSecret;
  /** @throws Error if the key is missing, or is not the one that encrypted this secret for this owner */
  open: (owner: SecretOwner, secret: SealedSecret) => string;
}

/** Encrypts with the first key and decrypts with all of them, with AES-256-GCM (NIST SP 800-38D). */
export function createSecretBox(keys: readonly SecretKey[]): SecretBox {
  const [current] = keys;
  return {
    currentKeyId: current?.id,
    keyIds: keys.map(({ id }) => id),
    seal: (owner, text) => {
      if (!current) throw new Error('there is no key to encrypt a secret with: SECRET_KEYS is not set');
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, current.key, nonce).setAAD(ownerOf(current.id, owner));
      const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return { keyId: current.id, sealed: sealed.toString('base64') };
    },
    open: (owner, { keyId, sealed }) => {
      const known = keys.find(({ id }) => id === keyId);
      if (!known)
        throw new Error(
          `the secret ${owner.field} was encrypted with the key ${JSON.stringify(keyId)}, which is not among SECRET_KEYS`,
        );
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const decipher = createDecipheriv(ALGORITHM, known.key, bytes.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        })
          .setAAD(ownerOf(keyId, owner))
          .setAuthTag(bytes.subarray(-TAG_BYTES));
        const text = Buffer.concat([
          decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)),
          decipher.final(),
        ]);
        return text.toString('utf8');
      } catch (error) {
        throw new Error(
          `the secret ${owner.field} cannot be decrypted: the key ${JSON.stringify(keyId)} in SECRET_KEYS is not the one that encrypted it`,
          { cause: error },
        );
      }
    },
  };
}

const ownerOf = (keyId: string, { jobId, field }: SecretOwner) =>
  Buffer.from(JSON.stringify([keyId, jobId, field]));
