namespace ProcessCluster.Linux.Processes;

/// <summary>The steps of a worker's start, in order. Each can fail; none may leave anything behind.</summary>
internal enum StartStep
{
    /// <summary>Program, arguments, directory and environment are put together.</summary>
    Preparing,

    /// <summary>The pipes and the hand-off socket are opened.</summary>
    Channels,

    /// <summary>The shared memory is made.</summary>
    Memory,

    /// <summary>The pipes for what it writes are opened.</summary>
    Outputs,

    /// <summary>Its end of the pipe is set to signal its owner, which it does not have yet.</summary>
    Arming,

    /// <summary>The process is started. From here on there is one.</summary>
    Spawning,

    /// <summary>It becomes that owner.</summary>
    Tying,

    /// <summary>A descriptor of it is opened.</summary>
    Watching,

    /// <summary>It is bound to a processor, if that is wanted.</summary>
    Pinning,

    /// <summary>The link to it is made.</summary>
    Linking,

    /// <summary>The primary passes on its output from now on.</summary>
    PassingOn,

    /// <summary>The port table knows it.</summary>
    Seating,

    /// <summary>The loop waits for its end.</summary>
    Registering,

    /// <summary>Its time for booting begins.</summary>
    Timing,

    /// <summary>A thread reads what it says.</summary>
    Reading,

    /// <summary>It said hello, and gets its first message.</summary>
    Greeting,
}
