using ProcessCluster.Locks;

namespace ProcessCluster.Tests.Locks;

public sealed class LockTableTests
{
    private readonly List<LockClaim> _granted = [];
    private readonly LockTable _table;

    public LockTableTests() => _table = new LockTable(_granted.Add, limit: 4);

    [Fact]
    public void A_free_lock_is_granted_at_once()
    {
        Assert.True(_table.TryAdd(new(1, 1), "a"));
        Assert.True(_table.TryAdd(new(2, 1), "b"));
        Assert.Equal([new(1, 1), new(2, 1)], _granted);
    }

    [Fact]
    public void Those_who_wait_get_it_in_the_order_of_asking()
    {
        AddAll("a", new(1, 1), new(2, 1), new(3, 1), new(2, 2));
        Assert.Equal([new(1, 1)], _granted);
        _table.Remove(new(1, 1));
        _table.Remove(new(2, 1));
        _table.Remove(new(3, 1));
        Assert.Equal([new(1, 1), new(2, 1), new(3, 1), new(2, 2)], _granted);
        _table.Remove(new(2, 2));
        Assert.Equal(0, _table.Count);
    }

    [Fact]
    public void Who_gives_up_waiting_is_passed_over()
    {
        AddAll("a", new(1, 1), new(2, 1), new(3, 1));
        _table.Remove(new(2, 1));
        Assert.Equal([new(1, 1)], _granted);
        _table.Remove(new(1, 1));
        Assert.Equal([new(1, 1), new(3, 1)], _granted);
    }

    [Fact]
    public void What_is_given_back_twice_or_never_was_is_no_error()
    {
        AddAll("a", new(1, 1), new(2, 1), new(3, 1));
        _table.Remove(new(1, 1));
        _table.Remove(new(1, 1));
        _table.Remove(new(9, 9));
        Assert.Equal([new(1, 1), new(2, 1)], _granted);
    }

    [Fact]
    public void Of_a_process_that_cannot_be_told_any_more_what_it_holds_stays_its_own()
    {
        AddAll("a", new(1, 1), new(2, 1));
        AddAll("b", new(2, 2), new(1, 2), new(3, 1));
        _table.RemoveWaiting(1);
        Assert.Equal([new(1, 1), new(2, 2)], _granted);
        _table.Remove(new(2, 2));
        Assert.Equal([new(1, 1), new(2, 2), new(3, 1)], _granted);
        _table.RemoveAll(1);
        Assert.Equal(new LockClaim(2, 1), _granted[^1]);
    }

    [Fact]
    public void All_of_a_process_that_is_gone_goes_to_others()
    {
        AddAll("a", new(1, 1), new(1, 2), new(2, 1));
        AddAll("b", new LockClaim(1, 3));
        AddAll("c", new(3, 1), new(1, 4), new(2, 2));
        _table.RemoveAll(1);
        Assert.Contains(new LockClaim(2, 1), _granted);
        Assert.DoesNotContain(new LockClaim(2, 2), _granted);
        Assert.Equal(2, _table.Count);
        _table.RemoveAll(2);
        _table.RemoveAll(3);
        Assert.Equal(0, _table.Count);
    }

    [Fact]
    public void A_process_has_no_more_claims_than_it_may_have()
    {
        AddAll("a", new(1, 1), new(1, 2), new(1, 3), new(1, 4));
        Assert.False(_table.TryAdd(new(1, 5), "b"));
        Assert.True(_table.TryAdd(new(2, 1), "b"));
        _table.Remove(new(1, 3));
        Assert.True(_table.TryAdd(new(1, 5), "c"));
    }

    [Fact]
    public void A_number_stands_for_one_claim()
    {
        AddAll("a", new LockClaim(1, 1));
        Assert.False(_table.TryAdd(new(1, 1), "b"));
        Assert.Equal(1, _table.Count);
    }

    private void AddAll(string name, params LockClaim[] claims) => Assert.All(claims, claim => Assert.True(_table.TryAdd(claim, name)));
}
