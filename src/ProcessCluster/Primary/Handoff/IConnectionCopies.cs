namespace ProcessCluster.Primary.Handoff;

/// <summary>The primary's copies of connections that workers have, and the kernel's answers about them.</summary>
internal interface IConnectionCopies
{
    /// <summary>Gets the number of files that this process may have open.</summary>
    long OpenFileLimit { get; }

    /// <summary>Undoes what the worker may have set on the connection.</summary>
    void Reclaim(int descriptor);

    /// <summary>Counts the bytes that were sent on the connection, by whatever process. Returns false when the kernel does not say.</summary>
    bool TryCountSent(int descriptor, out long sent);

    /// <summary>Closes the copy, and ends the connection with it when no worker has it.</summary>
    void Close(int descriptor);
}
