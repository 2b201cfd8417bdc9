// The program.
int main() {
    return 0;
}
