"""What lasts: objects named by their hash, versions made of them, and one pointer to the live one.

Read `store` first; `durable`, `objects`, `manifest`, `versions`, `head`, `log` and `lock` are what
it stands on, `verify` and `ledger` what it answers. `pins`, `leases` and `collected` (each a
`sealed` page or a lock) say which old versions keep their objects, and `retention` takes the rest.
"""
