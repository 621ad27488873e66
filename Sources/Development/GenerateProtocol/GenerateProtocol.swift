@main
struct GenerateProtocol {
    static func main() {
    }
}
