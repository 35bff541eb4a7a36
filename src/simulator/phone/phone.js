// The phone page.
