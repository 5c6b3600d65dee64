namespace ProcessCluster.Primary.Fleet;

/// <summary>
/// Gives out the numbers of slots, for the workers that the fleet keeps and for those that the program forks: no two have the same. Belongs to the cluster's loop.
/// </summary>
internal sealed class SlotNumbers
{
    private readonly SortedSet<int> _taken = [];

    /// <summary>The lowest that nobody has.</summary>
    public int Take()
    {
        var number = 0;
        foreach (var taken in _taken)
        {
            if (taken != number)
                break;
            number++;
        }
        _taken.Add(number);
        return number;
    }

    /// <summary>Nobody has it any more.</summary>
    public void GiveBack(int number) => _taken.Remove(number);
}
