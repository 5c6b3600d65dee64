using System.Text.Json.Serialization;

namespace ProcessCluster.Benchmarks;

/// <summary>What is encoded and decoded: ten members of the kinds that messages have.</summary>
[ClusterMessage]
public sealed record Order(
    int Id,
    string Customer,
    string Product,
    double Price,
    bool IsPaid,
    DateTime PlacedAt,
    Guid Reference,
    List<int> Quantities,
    OrderStatus Status,
    int? Discount)
{
    public static Order Example { get; } = new(
        Id: 184_467,
        Customer: "Zoë Müller-Lindström",
        Product: "Mechanical keyboard, 87 keys",
        Price: 129.95,
        IsPaid: true,
        PlacedAt: new DateTime(2026, 3, 14, 15, 9, 26, 535, DateTimeKind.Utc),
        Reference: new Guid("5b2a6c3e-8f47-4f0c-9d59-6f0f4f8f1a77"),
        Quantities: [1, 12, 250, 3, 70_000, 2, 5, 40],
        Status: OrderStatus.Shipped,
        Discount: 15);
}

public enum OrderStatus
{
    Placed,
    Paid,
    Shipped,
    Delivered,
}

/// <summary>System.Text.Json's generated code for the same type, with its defaults.</summary>
[JsonSerializable(typeof(Order))]
internal sealed partial class JsonContext : JsonSerializerContext;
