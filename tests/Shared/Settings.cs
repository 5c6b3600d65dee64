// Specs measure times and share two processors: one after another, with those of other assemblies at most beside them.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: Turns]
