using ProcessCluster.Linux.Files;
using ProcessCluster.Linux.Interop;

namespace ProcessCluster.Linux.Processes;

/// <summary>A worker's process as the primary holds it: its channels, the memory that both share, and its end.</summary>
internal interface IChildProcess : IDisposable
{
    int Id { get; }

    /// <summary>Gets a descriptor that is readable when the child has ended.</summary>
    int ExitDescriptor { get; }

    /// <summary>Gets the pipe to the child. Whoever takes one of the channels over closes it.</summary>
    Descriptor ToChild { get; }

    Descriptor FromChild { get; }

    /// <summary>Gets the socket over which connections travel.</summary>
    Descriptor Handoff { get; }

    /// <summary>Gets the memory that both share, until this object is disposed.</summary>
    SharedMemory Memory { get; }

    /// <summary>Gets the pipe with the child's standard output; null when it does not come here.</summary>
    Descriptor? StandardOutput { get; }

    Descriptor StandardError { get; }

    /// <summary>Gets whether the child has ended. Does not reap it.</summary>
    bool HasEnded { get; }

    /// <summary>Ends the child, and whatever it has started that has not made itself a process group of its own.</summary>
    void KillTree();

    /// <summary>Sends a signal; false when the process is gone.</summary>
    bool Kill(Signal signal);

    /// <summary>Reaps the child. Returns how it ended, once, or null while it runs. Nothing that it has started outlives it.</summary>
    ChildExit? TryReap();
}
