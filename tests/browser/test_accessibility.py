"""The dashboard by keyboard alone, on a phone, in the dark and in the light."""

import unittest

from selenium.webdriver.common.keys import Keys

from support import Load, Page


class Keyboard(Page):
    hash = "#/overview"

    def tab_to(self, is_wanted, what):
        for _ in range(60):
            self.press(Keys.TAB)
            if is_wanted(self.focused()):
                return
        self.fail(f"no Tab leads to {what}")

    def test_every_page_is_reached_and_used_without_a_mouse(self):
        self.standin.call("GET", "/nothing")
        self.press(Keys.TAB)
        self.assertEqual(self.focused().text, "Skip to the page")
        self.tab_to(lambda element: element.text == "Requests", "the page Requests")
        self.press(Keys.ENTER)
        self.one(".row", "/nothing")
        self.tab_to(lambda element: element.get_attribute("role") == "listbox", "the list")
        self.press(Keys.ARROW_DOWN, Keys.ENTER)
        self.one(".answer.bad")
        self.tab_to(lambda element: element.text == "Make a stub of this", "the link to a stub")
        self.press(Keys.ENTER)
        self.one("#defect-summary", "No errors.")
        self.tab_to(lambda element: element.get_attribute("id") == "editor", "the editor")
        self.press_with_control("s")
        self.one(".outcome .good", "Saved")
        self.assertEqual(self.standin.call("GET", "/nothing")[0], 200)

    def test_the_tree_opens_and_closes_by_arrows(self):
        self.open("#/stubs")
        self.one("[data-kind=file]")
        self.tab_to(lambda element: element.get_attribute("role") == "tree", "the tree")
        self.press(Keys.ARROW_LEFT)
        self.eventually(lambda: len(self.all("[role=treeitem]")) == 1, "the service is closed")
        self.press(Keys.ARROW_RIGHT)
        self.eventually(lambda: len(self.all("[role=treeitem]")) == 6, "the service is open")
        self.press(Keys.END)
        last = self.one(".row.active")
        self.assertEqual(
            last.get_attribute("id"), self.one("[role=tree]").get_attribute("aria-activedescendant")
        )
        self.press(Keys.ENTER)
        self.one("#editor", "request")


class Narrow(Page):
    """The pages on a phone, 360 px wide."""

    def test_no_page_is_wider_than_the_phone(self):
        self.resize(360, 740)
        self.standin.admin("PUT", "standin/profile", {"profile": "shop"})
        self.standin.call("GET", "/orders/1?a-parameter=" + "with-a-long-value" * 20)
        self.standin.call("POST", "/orders", '{"quantity": 2}')
        pages = {
            "overview": ".station",
            "requests": ".row",
            "stubs": "[data-kind=stub]",
            "performance": ".operating-point",
            "record": ".list",
            "reports": "h1",
        }
        with Load(self.standin, 40, ["/orders/1", "/search"]):
            for page, content in pages.items():
                self.open(f"#/{page}")
                self.one(content)
                self.one(".latency table, h1")
                self.assert_fits()
                self.picture(f"phone-{page}")
        self.open("#/requests")
        self.click("#filter-outcome option[value=missed]")
        self.click(".row[data-outcome=missed]")
        self.one(".answer.bad")
        self.assert_fits()
        self.picture("phone-miss")
        self.click("a.primary", "Make a stub of this")
        self.one("#editor", "quantity")
        self.assert_fits()
        self.click("a.back")
        self.one("[data-kind=stub]")


class Dark(Page):
    """The pages in the dark: every text stands out from what is behind it."""

    dark = True

    def test_texts_are_legible(self):
        self.standin.admin("PUT", "standin/profile", {"profile": "shop"})
        with Load(self.standin, 80, ["/orders/1", "/search", "/nothing"]):
            for page in ["overview", "requests", "stubs", "performance", "record", "reports"]:
                self.open(f"#/{page}")
                self.one(".card, .row")
                background = self.browser.execute_script(
                    "return getComputedStyle(document.body).backgroundColor"
                )
                self.assertEqual(background, "rgb(21, 25, 31)")
                self.assertEqual(
                    self.browser.execute_script(FAINT_TEXTS), [], f"contrast of texts on {page}"
                )
                self.picture(f"dark-{page}")


class Light(Page):
    """The pages in the light, for the same check of contrast."""

    def test_texts_are_legible(self):
        with Load(self.standin, 80, ["/orders/1", "/search", "/nothing"]):
            for page in ["overview", "requests", "stubs", "performance", "record", "reports"]:
                self.open(f"#/{page}")
                self.one(".card, .row")
                self.assertEqual(
                    self.browser.execute_script(FAINT_TEXTS), [], f"contrast of texts on {page}"
                )
                self.picture(f"light-{page}")


# texts whose contrast with their background is below 4.5, as WCAG 2.2 defines it; disabled controls
# are exempt
FAINT_TEXTS = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll("body *")].filter((element) => {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const style = getComputedStyle(element);
  const isTransparent = channels(style.color)[3] === 0;
  if (!own || isTransparent || !element.getClientRects().length || element.closest(":disabled, svg, .skip, option, select") ) return false;
  const [light, dark] = [luminance(channels(style.color)), luminance(behind(element))].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05) < 4.5;
}).map((element) => element.outerHTML.slice(0, 120));
"""


if __name__ == "__main__":
    unittest.main()
