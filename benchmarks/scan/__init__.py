"""Our scanner beside its peers, over workloads that are built of network namespaces.

`workloads` lists what is scanned, `scenes` builds it (`link` where the way is long or narrow) and knows the truth.
`programs` says how each program is started and what it found, `runner` runs them in turn through `meter`, `goals` and
`table` say what it amounts to. `own`, `meter` and `relay` are programs of their own.
"""
