// Specs measure times and share two processors: one after another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
