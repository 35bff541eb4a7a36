// Where the mini program stands, kept in the address so that a reload and the browser's back button work as on a phone.

/** `{page, query}` of the address, `pages/shop` when it names none. */
export function readRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { page: path.replace(/^pages\//, "") || "shop", query: new URLSearchParams(query) };
}

/** wx.navigateTo, redirectTo and navigateBack; `changed` is told after every move. */
export function createRoute(changed) {
  const depth = () => history.state?.depth ?? 0;
  window.addEventListener("popstate", changed);
  return {
    push(url) {
      history.pushState({ depth: depth() + 1 }, "", `#${url}`);
      changed();
    },
    replace(url) {
      history.replaceState({ depth: depth() }, "", `#${url}`);
      changed();
    },
    back() {
      if (depth() > 0) history.back();
      else this.replace("/pages/shop");
    },
  };
}
