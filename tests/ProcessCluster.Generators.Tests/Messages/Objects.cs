using System.Runtime.Serialization;

namespace ProcessCluster.Generators.Tests.Messages;

public sealed class Objects
{
    [Fact]
    public void A_message_without_members_comes_back()
    {
        Assert.Equal([0x80], Wire.Write(new Ping()));
        Assert.Equal(new Ping(), Wire.RoundTrip(new Ping()));
        Assert.Equal(new Ping(), Wire.Read<Ping>([0x81, 0xa1, (byte)'x', 0x91, 0x01]));
    }

    [Fact]
    public void Null_is_nil()
    {
        Assert.Equal([0xc0], Wire.Write<Ping?>(null));
        Assert.Null(Wire.Read<Ping>([0xc0]));
    }

    [Fact]
    public void A_record_with_more_properties_comes_back()
    {
        var sent = new Extended("a", 2) { More = "m", Late = 4 };
        Assert.Equal(sent, Wire.RoundTrip(sent));
    }

    [Fact]
    public void A_class_is_created_with_the_constructor_whose_parameters_match()
    {
        var read = Wire.RoundTrip(new Account("me", [1, 2]) { Balance = 3 });
        Assert.Equal(("me", 3m), (read.Owner, read.Balance));
        Assert.Equal([1, 2], read.Entries);
    }

    [Fact]
    public void Fields_and_required_members_come_back()
    {
        var read = Wire.RoundTrip(new Fields("fixed") { Open = 1, Name = "n", Label = "l", Hidden = "h" });
        Assert.Equal(("fixed", 1, "n", "l", ""), (read.Fixed, read.Open, read.Name, read.Label, read.Hidden));
    }

    [Fact]
    public void A_constructor_that_sets_required_members_is_believed() => Assert.Equal("x", Wire.RoundTrip(new SetsAll("x")).Name);

    [Fact]
    public void Members_of_base_classes_come_first()
    {
        var sent = new Dog { Name = "Rex", Legs = 4, Breed = "boxer", Sound = "wuff" };
        var read = Wire.RoundTrip(sent);
        Assert.Equal(("Rex", 4, "boxer", "wuff"), (read.Name, read.Legs, read.Breed, read.Sound));
        Assert.Equal([0x84, 0xa4, .. "Name"u8], Wire.Write(sent)[..6]);
        Assert.Equal(new Derived(1, 2), Wire.RoundTrip(new Derived(1, 2)));
    }

    [Fact]
    public void Structs_of_all_kinds_come_back()
    {
        var sent = new Structs(new Plain { X = 1, Y = 2 }, new Frozen(3, "f"), null, new Plain { X = 5 });
        Assert.Equal(sent, Wire.RoundTrip(sent));
        Assert.Equal(new Plain { X = 7 }, Wire.RoundTrip(new Plain { X = 7 }));
    }

    [Fact]
    public void Generic_types_are_written_as_they_are_reached()
    {
        var sent = new Boxes(new Box<int>(1), new Box<string>("s"), new Box<Box<Point>>(new Box<Point>(new Point(1, 2))));
        Assert.Equal(sent, Wire.RoundTrip(sent));
    }

    [Fact]
    public void Nested_types_come_back()
    {
        var sent = new Outer.Inner(new Outer.Inner.Deep(3));
        Assert.Equal(sent, Wire.RoundTrip(sent));
    }

    [Fact]
    public void Types_of_other_assemblies_come_back_by_their_public_members()
    {
        var sent = new Foreign(new System.Drawing.Point(1, 2), new System.Numerics.Vector3(1, 2, 3));
        Assert.Equal(sent, Wire.RoundTrip(sent));
    }

    [Fact]
    public void Names_that_are_keywords_or_not_ASCII_come_back()
    {
        var sent = new @class(1, "ä") { @event = 2, Größe = 3, 名前 = "n", record = 4, LongNameOfMoreThanThirtyOneCharacters = 5 };
        Assert.Equal(sent, Wire.RoundTrip(sent));
    }

    [Fact]
    public void What_is_ignored_stays_behind_and_what_is_renamed_has_its_new_name()
    {
        var bytes = Wire.Write(new Renamed(1, "secret") { Cache = "c" });
        Assert.Equal([0x81, 0xa1, (byte)'n', 0x01], bytes);
        var read = Wire.Read<Renamed>(bytes);
        Assert.Equal((1, "none", "own"), (read.Number, read.Secret, read.Cache));
    }

    [Fact]
    public void More_members_than_bits_in_a_word_come_back()
    {
        var sent = new Wide { M00 = 1, M63 = 2, M64 = 3, M65 = 4 };
        var read = Wire.RoundTrip(sent);
        Assert.Equal((1, 2, 3, 4), (read.M00, read.M63, read.M64, read.M65));
        Assert.Equal((7, 8), (Wire.Read<Wide>([0x80]).M01, Wire.Read<Wide>([0x80]).M65));
    }

    [Fact]
    public void Obsolete_members_come_back()
    {
#pragma warning disable CS0618
        Assert.Equal(5, Wire.RoundTrip(new Old { Value = 5 }).Value);
#pragma warning restore CS0618
    }
}

[ClusterMessage]
internal sealed record Ping;

[ClusterMessage]
internal sealed record Extended(string A, int B)
{
    public string? More { get; init; }
    public int Late { get; set; }
    public int Twice => B * 2;
}

[ClusterMessage]
internal sealed class Account(string owner, IEnumerable<int> entries)
{
    public string Owner { get; } = owner;
    public List<int> Entries { get; } = [.. entries];
    public decimal Balance { get; set; }
}

[ClusterMessage]
internal sealed class Fields
{
    public readonly string Fixed;
    public int Open;
    public required string Name { get; init; }
    public required string Label { get; set; }
    [IgnoreDataMember]
    public required string Hidden { get => field ?? ""; set; }

    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    internal Fields(string text, int open) => (Fixed, Open, Name, Label, Hidden) = (text, open, "", "", "");

    public Fields(string @fixed) => (Fixed, Hidden) = (@fixed, "?");
}

[ClusterMessage]
[method: System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
internal sealed class SetsAll(string name)
{
    public required string Name { get; init; } = name;
}

internal abstract class Animal
{
    public required string Name { get; init; }
    public int Legs { get; set; }
    public virtual string Sound { get; set; } = "";
}

[ClusterMessage]
internal sealed class Dog : Animal
{
    public string? Breed { get; set; }
    public override string Sound { get => base.Sound; set => base.Sound = value; }
}

internal record Base(int A);

[ClusterMessage]
internal sealed record Derived(int A, int B) : Base(A);

[ClusterMessage]
internal record struct Plain
{
    public int X { get; set; }
    public int Y;
}

internal readonly struct Frozen(int number, string text) : IEquatable<Frozen>
{
    public int Number { get; } = number;
    public string Text { get; } = text;

    public bool Equals(Frozen other) => (Number, Text) == (other.Number, other.Text);
    public override bool Equals(object? obj) => obj is Frozen other && Equals(other);
    public override int GetHashCode() => Number;
}

[ClusterMessage]
internal sealed record Structs(Plain Plain, Frozen Frozen, Plain? None, Plain? Some);

internal sealed record Box<T>(T Value);

[ClusterMessage]
internal sealed record Boxes(Box<int> Number, Box<string> Text, Box<Box<Point>> Nested);

internal static class Outer
{
    [ClusterMessage]
    internal sealed record Inner(Inner.Deep Value)
    {
        internal sealed record Deep(int Number);
    }
}

[ClusterMessage]
internal sealed record Foreign(System.Drawing.Point Point, System.Numerics.Vector3 Vector);

[ClusterMessage]
internal sealed record @class(int @int, string ß)
{
    public int @event { get; set; }
    public int Größe { get; init; }
    public string? 名前 { get; init; }
    public int record;
    public int LongNameOfMoreThanThirtyOneCharacters { get; init; }
}

[ClusterMessage]
internal sealed record Renamed([property: DataMember(Name = "n")] int Number, [property: IgnoreDataMember] string Secret = "none")
{
    [IgnoreDataMember]
    public string Cache { get; set; } = "own";
}

[ClusterMessage]
internal sealed class Old
{
    [Obsolete("Use another.")]
    public int Value { get; set; }
}

[ClusterMessage]
internal sealed class Wide
{
    public int M00 { get; init; }
    public int M01 { get; init; } = 7;
    public int M02, M03, M04, M05, M06, M07, M08, M09, M10, M11, M12, M13, M14, M15, M16, M17, M18, M19, M20, M21, M22, M23, M24, M25, M26, M27,
        M28, M29, M30, M31, M32, M33, M34, M35, M36, M37, M38, M39, M40, M41, M42, M43, M44, M45, M46, M47, M48, M49, M50, M51, M52, M53, M54,
        M55, M56, M57, M58, M59, M60, M61, M62;
    public int M63 { get; init; }
    public int M64 { get; set; }
    public int M65 { get; init; } = 8;
}
