@main
struct CoordinatorMain {
    static func main() {
    }
}
