/** The version of the product; dev/bundle.ts makes other releases by this line. */
export const PRODUCT_VERSION = '0.1.0';
