// The files of locale/, by their language's tag: build.mjs puts them in.
declare module "virtual:locales" {
  const locales: Readonly<Record<string, Readonly<Record<string, string>>>>;
  export default locales;
}
