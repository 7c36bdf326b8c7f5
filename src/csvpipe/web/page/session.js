// Who is signed in: a token that this tab forgets when it is closed.

const NAME = "csvpipe-token";

export const token = () => sessionStorage.getItem(NAME);

export const keep = (text) => sessionStorage.setItem(NAME, text);

export const forget = () => sessionStorage.removeItem(NAME);

export function authorization() {
  const known = token();
  return known === null ? {} : { Authorization: `Bearer ${known}` };
}
