namespace ProcessCluster;

/// <summary>The hash FNV-1a with 64 bits (draft-eastlake-fnv): the same in every process and version. Not for what an attacker can choose.</summary>
internal static class Fnv1a
{
    /// <summary>The hash of nothing.</summary>
    public const ulong Start = 0xCBF29CE484222325;

    private const ulong Prime = 0x100000001B3;

    /// <summary>Adds a byte, or another small value.</summary>
    public static ulong Add(ulong hash, uint value) => unchecked((hash ^ value) * Prime);
}
