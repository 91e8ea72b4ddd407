"""Our scanner beside its peers, over workloads that are built of network namespaces.

`workloads` builds what is scanned and knows the truth, `programs` says how each program is started and what it found,
`runner` runs them in turn through `meter`, `goals` and `table` say what it amounts to. `own`, `meter` and `relay` are
programs of their own.
"""
